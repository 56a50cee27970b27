// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {IERC20Errors} from "@openzeppelin/contracts/interfaces/draft-IERC6093.sol";
import {ERC20Permit} from "@openzeppelin/contracts/token/ERC20/extensions/ERC20Permit.sol";

import {QUIVToken} from "../src/QUIVToken.sol";
import {Checks} from "./support/Checks.sol";
import {vm} from "./support/Vm.sol";

contract TokenTest is Checks {
    bytes32 private constant PERMIT =
        keccak256("Permit(address owner,address spender,uint256 value,uint256 nonce,uint256 deadline)");
    uint256 private constant KEY = 0xA11CE;

    QUIVToken private token;
    address private owner;

    function setUp() public {
        token = new QUIVToken(address(this));
        owner = vm.addr(KEY);
    }

    function test_MintsTheCapOnce() public view {
        eq(token.CAP(), 1_000_000_000e18, "cap");
        eq(token.totalSupply(), token.CAP(), "supply");
        eq(token.balanceOf(address(this)), token.CAP(), "holder");
        eq(token.decimals(), 18, "decimals");
        eq(keccak256(bytes(token.name())), keccak256("QUIV"), "name");
        eq(keccak256(bytes(token.symbol())), keccak256("QUIV"), "symbol");
    }

    function test_RejectsNoHolder() public {
        vm.expectRevert(abi.encodeWithSelector(IERC20Errors.ERC20InvalidReceiver.selector, address(0)));
        new QUIVToken(address(0));
    }

    function test_BurnLowersTheSupplyForGood() public {
        token.burn(5e18);
        eq(token.totalSupply(), token.CAP() - 5e18, "supply");
        vm.prank(owner);
        vm.expectRevert(abi.encodeWithSelector(IERC20Errors.ERC20InsufficientBalance.selector, owner, 0, 1));
        token.burn(1);
    }

    function test_Permit() public {
        (uint8 v, bytes32 r, bytes32 s) = sign(7e18, 0, block.timestamp);
        token.permit(owner, address(this), 7e18, block.timestamp, v, r, s);
        eq(token.allowance(owner, address(this)), 7e18, "allowance");
        eq(token.nonces(owner), 1, "nonce");
    }

    function test_PermitOnce() public {
        (uint8 v, bytes32 r, bytes32 s) = sign(7e18, 0, block.timestamp);
        token.permit(owner, address(this), 7e18, block.timestamp, v, r, s);
        vm.expectPartialRevert(ERC20Permit.ERC2612InvalidSigner.selector);
        token.permit(owner, address(this), 7e18, block.timestamp, v, r, s);
    }

    function test_PermitExpires() public {
        vm.warp(100);
        (uint8 v, bytes32 r, bytes32 s) = sign(7e18, 0, 99);
        vm.expectRevert(abi.encodeWithSelector(ERC20Permit.ERC2612ExpiredSignature.selector, 99));
        token.permit(owner, address(this), 7e18, 99, v, r, s);
    }

    /// @dev Signed for one chain, worthless on a fork of it.
    function test_Bug07_PermitIsBoundToTheChain() public {
        (uint8 v, bytes32 r, bytes32 s) = sign(7e18, 0, block.timestamp);
        vm.chainId(80002);
        vm.expectPartialRevert(ERC20Permit.ERC2612InvalidSigner.selector);
        token.permit(owner, address(this), 7e18, block.timestamp, v, r, s);
    }

    function testFuzz_TransfersKeepTheSum(uint256 amount, uint256 burned) public {
        amount = between(amount, 0, token.CAP());
        burned = between(burned, 0, token.CAP() - amount);
        require(token.transfer(owner, amount));
        token.burn(burned);
        eq(token.balanceOf(owner) + token.balanceOf(address(this)), token.totalSupply(), "sum");
        eq(token.totalSupply(), token.CAP() - burned, "supply");
    }

    function sign(uint256 value, uint256 nonce, uint256 deadline) private view returns (uint8, bytes32, bytes32) {
        bytes32 message = keccak256(abi.encode(PERMIT, owner, address(this), value, nonce, deadline));
        return vm.sign(KEY, keccak256(abi.encodePacked("\x19\x01", token.DOMAIN_SEPARATOR(), message)));
    }
}
